// As much JSON as the child needs: requests are parsed, answers are written by hand.
#pragma once

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "inkport.hpp"

namespace sample {

// A parsed value; of an object or array, the members.
struct Json {
  enum class Kind { null, boolean, number, text, array, object } kind = Kind::null;
  bool boolean = false;
  double number = 0;
  std::string text;
  std::vector<Json> array;
  std::map<std::string, Json> object;

  const Json& at(const std::string& key) const {
    const auto found = object.find(key);
    if (found == object.end()) throw inkport::Error("no \"" + key + "\"");
    return found->second;
  }
  bool has(const std::string& key) const { return object.count(key) != 0; }
};

class JsonParser {
 public:
  explicit JsonParser(const std::string& text) : text_(text) {}

  Json parse() {
    Json value = this->value(0);
    space();
    if (at_ != text_.size()) fail();
    return value;
  }

 private:
  const std::string& text_;
  std::size_t at_ = 0;

  [[noreturn]] void fail() const { throw inkport::Error("no JSON, at character " + std::to_string(at_)); }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void space() {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_])) ++at_;
  }
  bool take(char c) {
    space();
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void need(char c) {
    if (!take(c)) fail();
  }
  bool word(const char* name) {
    const std::size_t size = std::strlen(name);
    if (text_.compare(at_, size, name) != 0) return false;
    at_ += size;
    return true;
  }

  Json value(int depth) {
    space();
    if (depth > 64) fail();
    Json found;
    if (peek() == '{') {
      found.kind = Json::Kind::object;
      ++at_;
      if (take('}')) return found;
      do {
        space();
        std::string key = string();
        need(':');
        found.object[key] = value(depth + 1);
      } while (take(','));
      need('}');
    } else if (peek() == '[') {
      found.kind = Json::Kind::array;
      ++at_;
      if (take(']')) return found;
      do found.array.push_back(value(depth + 1));
      while (take(','));
      need(']');
    } else if (peek() == '"') {
      found.kind = Json::Kind::text;
      found.text = string();
    } else if (word("true") || word("false")) {
      found.kind = Json::Kind::boolean;
      found.boolean = text_[at_ - 2] == 'u';
    } else if (!word("null")) {
      found.kind = Json::Kind::number;
      std::istringstream in(text_.substr(at_, 40));
      in.imbue(std::locale::classic());
      if (!(in >> found.number)) fail();
      at_ += in.eof() ? std::min<std::size_t>(40, text_.size() - at_) : static_cast<std::size_t>(in.tellg());
    }
    return found;
  }

  unsigned hex() {
    unsigned value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      if (!std::isxdigit(static_cast<unsigned char>(c))) fail();
      value = value * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
      ++at_;
    }
    return value;
  }

  std::string string() {
    if (peek() != '"') fail();
    ++at_;
    std::string out;
    for (;;) {
      if (at_ >= text_.size()) fail();
      const char c = text_[at_++];
      if (c == '"') return out;
      if (c != '\\') {
        out.push_back(c);
        continue;
      }
      const char kind = peek();
      ++at_;
      const char* plain = std::strchr("\"\\/bfnrt", kind);
      if (kind == 'u') {
        char32_t point = hex();
        if (point >= 0xD800 && point < 0xDC00 && word("\\u")) point = 0x10000 + ((point - 0xD800) << 10) + (hex() - 0xDC00);
        inkport::detail::append_utf8(out, point);
      } else if (kind && plain) {
        out.push_back("\"\\/\b\f\n\r\t"[plain - "\"\\/bfnrt"]);
      } else {
        fail();
      }
    }
  }
};

inline std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    char escape[8];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace sample

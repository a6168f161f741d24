"""The plain pre-norm transformer block of ViT, as MobileViT and HTR-VT use it."""

from __future__ import annotations

from torch import Tensor, nn

from inkport.model.blocks import FeedForward, SelfAttention


class TransformerBlock(nn.Module):
    """Attention and a GELU feed-forward of four times the width, each residual and pre-norm.

    Source:
        Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words".
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, heads)
        self.feed_norm = nn.LayerNorm(dim)
        self.feed = FeedForward(dim, 4 * dim, activation=nn.GELU)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, t, d) to (n, t, d)."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed(self.feed_norm(x))

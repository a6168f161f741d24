"""Post-training quantisation with measurement: which operators do harm, which stay in fp32, and the blank's bias."""

_base_ = "../pass/pass-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15.py"
model = dict(
    decode_head=dict(foreground="relative", image_evidence=1.0, pooling="foreground"),
    test_cfg=dict(refine=dict(type="GrabCut")),
)
default_hooks = dict(pseudo_labels=dict(clustering="spectral", threshold_step=0.01))

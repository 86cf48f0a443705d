_base_ = "../pass/pass-pixel-attention_efficientnet-lite0_1xb24-1e_mini-imagenets.py"
model = dict(
    decode_head=dict(foreground="relative", image_evidence=1.0, pooling="foreground"),
    test_cfg=dict(refine=dict(type="GrabCut")),
)
# Training crops of 160 enlarge what they show by about a third, so whole images are enlarged as much.
resize = dict(_base_.resize, scale=224)
test_pipeline = [_base_.load_image, resize, _base_.load_labels, _base_.pack]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
default_hooks = dict(pseudo_labels=dict(clustering="spectral", threshold_step=0.01, crop_size=224))

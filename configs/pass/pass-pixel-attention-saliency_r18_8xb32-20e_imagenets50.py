_base_ = "pass-pixel-attention_r18_8xb32-20e_imagenets50.py"
# One gray image a training image, 255 = salient, as train/CATEGORY/NAME.png; bring them from any saliency model.
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeHook", freeze_iters=0, queue_start_epoch=0),
    dict(type="CollapseWarningHook"),
    dict(type="PseudoLabelHook", num_categories=50, threshold=0.5, saliency_root="data/ImageNetS50/train-saliency"),
]

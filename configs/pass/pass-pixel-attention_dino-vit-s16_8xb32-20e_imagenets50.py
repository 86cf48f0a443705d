# Steps 2.1 to 2.4 on a backbone that comes trained, in place of step 1's; see docs/any_backbone.md.
_base_ = [
    "../_base_/models/pass_pixel-attention_vit-small-p16.py",
    "../_base_/datasets/imagenets50_multi_crop.py",
    "../_base_/datasets/imagenets50.py",
    "../_base_/schedules/adam_short.py",
    "../_base_/default_runtime.py",
]
model = dict(backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="checkpoints/dino_deitsmall16_pretrain.pth")))
# The network pads images to whole patches, which would shift its maps against the image.
test_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="mmpretrain.ResizeEdge", scale=256, edge="short", backend="pillow", interpolation="bilinear"),
    dict(type="ResizeToMultiple", size_divisor=32),
    dict(type="LoadImageNetSAnnotations"),
    dict(
        type="PackSegInputs",
        meta_keys=("img_path", "seg_map_path", "relative_path", "category", "ori_shape", "img_shape"),
    ),
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
# Pixels can be scored only once there are centroids, so there is no validation while training.
val_dataloader = None
val_evaluator = None
val_cfg = None
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0, by_epoch=True, end=20, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=20)
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeHook", freeze_iters=0, queue_start_epoch=0),
    dict(type="PrototypeKMeansHook"),
    dict(type="CollapseWarningHook"),
    dict(type="PseudoLabelHook", num_categories=50, threshold="val"),
]

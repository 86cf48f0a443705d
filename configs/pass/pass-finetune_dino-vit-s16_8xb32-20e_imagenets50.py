_base_ = [
    "../_base_/models/pass_segmentor_vit-small-p16.py",
    "../_base_/datasets/imagenets50_pixel_labels.py",
    "../_base_/datasets/imagenets50.py",
    "../_base_/schedules/adamw_warmup_100e.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="checkpoints/dino_deitsmall16_pretrain.pth")),
    decode_head=dict(num_classes=51),
)
train_dataloader = dict(
    dataset=dict(label_root="work_dirs/pass-pixel-attention_dino-vit-s16_8xb32-20e_imagenets50/pixel_labels")
)
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
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
param_scheduler = [
    dict(type="WarmupCosineLR", warmup=1, min_lr=1e-6, by_epoch=True, begin=0, end=20, convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=20, val_interval=20)

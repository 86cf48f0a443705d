_base_ = [
    "../_base_/models/pass-finetune_vit-s16.py",
    "../_base_/datasets/imagenets_pixel_labels.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/schedules/adamw_warmup.py",
    "../_base_/default_runtime.py",
]
data_root = "data/ImageNetS50"
model = dict(
    backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="checkpoints/dino_deitsmall16_pretrain.pth")),
    decode_head=dict(num_classes=51),
)
label_root = "work_dirs/pass-pixel-attention_dino-vit-s16_8xb32-20e_imagenets50/pixel_labels"
train_dataloader = dict(dataset=dict(data_root=data_root, subset=50, label_root=label_root))
# The network pads images to whole patches, which would shift its maps against the image.
whole_patches = dict(type="ResizeToMultiple", size_divisor=32)
test_pipeline = [_base_.load_image, _base_.resize, whole_patches, _base_.load_labels, _base_.pack]
tta_passes = [_base_.tta_resizes, [whole_patches], _base_.flips, [_base_.load_labels], [_base_.pack_flips]]
tta_pipeline = [_base_.load_image, dict(type="TestTimeAug", transforms=tta_passes)]
val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root, subset=50, pipeline=test_pipeline))
param_scheduler = [dict(type="WarmupCosineLR", warmup=1, min_lr=1e-6, by_epoch=True, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=20, val_interval=20)

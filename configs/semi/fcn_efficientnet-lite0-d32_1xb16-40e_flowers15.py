# The semi-supervised recipe for 150 photos with masks and a CPU: a small backbone, small batches, a larger step.
_base_ = [
    "../_base_/models/fcn_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_pixel_labels.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/adamw_warmup.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/efficientnet-lite0_imagenet.pth", prefix="backbone.")
    ),
    decode_head=dict(num_classes=16),
)
# Gentler colors than the published ones: what little data there is may tell its categories apart by color.
colors = dict(type="ColorDistortion", brightness=0.4, contrast=0.4, saturation=0.2, hue=0.05, gray_prob=0)
*loading, crop, flip, packing = _base_.train_pipeline
train_pipeline = [*loading, dict(crop, size=160, scale=(0.14, 1.0)), flip, colors, packing]
train_dataloader = dict(
    batch_size=16, dataset=dict(data_root="data/Flowers15", split="train-semi", pipeline=train_pipeline)
)
resize = dict(_base_.resize, scale=192)
test_pipeline = [_base_.load_image, resize, _base_.load_labels, _base_.pack]
tta_resizes = [dict(resize, scale=144), resize, dict(resize, scale=240)]
tta_passes = [tta_resizes, _base_.flips, [_base_.load_labels], [_base_.pack_flips]]
tta_pipeline = [_base_.load_image, dict(type="TestTimeAug", transforms=tta_passes)]
val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/Flowers15", pipeline=test_pipeline))
val_evaluator = test_evaluator = dict(matching="identity")
optim_wrapper = dict(optimizer=dict(lr=2e-3), paramwise_cfg=dict(decay_rate=0.85))
train_cfg = dict(max_epochs=40, val_interval=40)
default_hooks = dict(checkpoint=dict(interval=10), logger=dict(interval=9))

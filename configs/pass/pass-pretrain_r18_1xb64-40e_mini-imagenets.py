# From scratch: see docs/from_scratch.md for what to expect of so short a schedule.
_base_ = [
    "../_base_/models/pass-pretrain_r50.py",
    "../_base_/datasets/image_folder_multi_crop.py",
    "../_base_/schedules/larc.py",
    "../_base_/default_runtime.py",
]
model = dict(
    data_preprocessor=dict(channels_last=True),
    backbone=dict(depth=18),
    hidden_channels=512,
    embedding_dim=32,
    num_prototypes=128,
    queue=dict(length=512),
)
crop_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="MultiCrop", groups=[dict(size=96, number=2, scale=(0.14, 1.0))]),
    dict(type="PackMultiCrops"),
]
train_dataloader = dict(batch_size=64, dataset=dict(data_root="data/mini_imagenets", pipeline=crop_pipeline))
# Hundreds of iterations instead of 50,000: a larger step, and prototypes frozen for longer.
optim_wrapper = dict(optimizer=dict(lr=1.2))
train_cfg = dict(max_epochs=40)
default_hooks = dict(
    prototypes=dict(type="PrototypeHook", freeze_iters=150, queue_start_epoch=10),
    collapse_warning=dict(type="CollapseWarningHook"),
)

_base_ = [
    "../_base_/models/pass_pretrain_r50.py",
    "../_base_/datasets/imagenets50_multi_crop.py",
    "../_base_/schedules/larc_200e.py",
    "../_base_/default_runtime.py",
]
model = dict(backbone=dict(depth=18), hidden_channels=512, num_prototypes=500, queue=dict(length=2048))
crop_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(
        type="MultiCrop",
        groups=[dict(size=224, number=2, scale=(0.14, 1.0)), dict(size=96, number=6, scale=(0.05, 0.14))],
    ),
    dict(type="PackMultiCrops"),
]
train_dataloader = dict(dataset=dict(pipeline=crop_pipeline))
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeHook", freeze_iters=1001, queue_start_epoch=15),
    dict(type="CollapseWarningHook"),
]

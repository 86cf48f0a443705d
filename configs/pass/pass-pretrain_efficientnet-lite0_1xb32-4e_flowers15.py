# Free protocol: starts from ImageNet-supervised weights and trains them gently, with Adam, for a few epochs.
_base_ = [
    "../_base_/models/pass_pretrain_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_multi_crop.py",
    "../_base_/schedules/adam_short.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/efficientnet-lite0_imagenet.pth", prefix="backbone.")
    )
)
crop_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="MultiCrop", groups=[dict(size=160, number=2, scale=(0.2, 1.0))]),
    dict(type="PackMultiCrops"),
]
train_dataloader = dict(dataset=dict(data_root="data/Flowers15", pipeline=crop_pipeline))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0, by_epoch=True, end=4, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=4)
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeHook", freeze_iters=15, queue_start_epoch=0),
    dict(type="CollapseWarningHook", interval=15),
]

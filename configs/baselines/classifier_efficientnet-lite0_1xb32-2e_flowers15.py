# Free protocol: image-level labels; starts from ImageNet-supervised weights and trains their last stage gently.
_base_ = [
    "../_base_/models/classifier_r18.py",
    "../_base_/datasets/imagenets_image_labels.py",
    "../_base_/schedules/adam.py",
    "../_base_/default_runtime.py",
]
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        _delete_=True,
        type="PartlyFrozenTIMMBackbone",
        model_name="tf_efficientnet_lite0",
        frozen_stages=4,
        norm_eval=True,
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/efficientnet-lite0_imagenet.pth", prefix="backbone."),
    ),
    head=dict(num_classes=15, in_channels=320),
)
class_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="mmpretrain.RandomResizedCrop", scale=160, crop_ratio_range=(0.2, 1.0), backend="pillow"),
    dict(type="mmpretrain.RandomFlip", prob=0.5),
    dict(type="mmpretrain.PackInputs"),
]
train_dataloader = dict(num_workers=2, dataset=dict(data_root="data/Flowers15", pipeline=class_pipeline))
optim_wrapper = dict(optimizer=dict(lr=3e-3), paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.05))))
train_cfg = dict(max_epochs=2)

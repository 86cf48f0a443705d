# Free protocol: image-level labels; starts from ImageNet-supervised weights and trains their last stage gently.
_base_ = [
    "../_base_/models/classifier_r18.py",
    "../_base_/models/warm-start_efficientnet-lite0.py",
    "../_base_/datasets/imagenets_image_labels.py",
    "../_base_/schedules/adam.py",
    "../_base_/default_runtime.py",
]
model = dict(_base_.warm_model, head=dict(num_classes=15, in_channels=320))
loading, crop, *rest = _base_.class_pipeline
class_pipeline = [loading, dict(crop, scale=160, crop_ratio_range=(0.2, 1.0)), *rest]
train_dataloader = dict(num_workers=2, dataset=dict(data_root="data/Flowers15", pipeline=class_pipeline))
optim_wrapper = dict(optimizer=dict(lr=3e-3), paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.05))))

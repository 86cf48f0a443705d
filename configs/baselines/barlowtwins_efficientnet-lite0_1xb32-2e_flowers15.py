# Free protocol: starts from ImageNet-supervised weights and trains their last stage gently.
_base_ = [
    "../_base_/models/barlowtwins_r18.py",
    "../_base_/datasets/image_folder_views.py",
    "../_base_/schedules/adam.py",
    "../_base_/default_runtime.py",
]
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        _delete_=True,
        type="PartlyFrozenTIMMBackbone",
        model_name="tf_efficientnet_lite0",
        out_indices=(4,),
        frozen_stages=4,
        norm_eval=True,
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/efficientnet-lite0_imagenet.pth", prefix="backbone."),
    ),
    neck=dict(in_channels=320, hid_channels=1024, out_channels=1024),
    head=dict(in_channels=1024),
)
train_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.05))))
train_cfg = dict(max_epochs=2)

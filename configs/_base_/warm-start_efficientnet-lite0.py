# Weights trained with ImageNet's labels, of which the last stage is trained gently.
_base_ = ["schedules/adam.py", "default_runtime.py"]
# Two bases of a config may not both hold its model, so it takes these parts by name; the backbone replaces its own.
warm_model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        _delete_=True,
        type="PartlyFrozenTIMMBackbone",
        model_name="tf_efficientnet_lite0",
        frozen_stages=4,
        norm_eval=True,
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/efficientnet-lite0_imagenet.pth", prefix="backbone."),
    ),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.05))))

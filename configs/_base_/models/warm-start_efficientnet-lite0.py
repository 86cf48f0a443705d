# Weights trained with ImageNet's labels, of which only the last stage is trained.
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

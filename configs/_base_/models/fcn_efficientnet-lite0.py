model = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor", mean=[127.0] * 3, std=[128.0] * 3, channels_last=True),
    backbone=dict(type="PartlyFrozenTIMMBackbone", model_name="tf_efficientnet_lite0"),
    decode_head=dict(type="LinearHead", upsampling=2, label_stride=None, loss_upsampling=2),
    test_cfg=dict(max_resolution=1000, limited_side="long"),
)

data_preprocessor = dict(
    type="MultiCropDataPreProcessor",
    mean=[127.0, 127.0, 127.0],
    std=[128.0, 128.0, 128.0],
    bgr_to_rgb=True,
    channels_last=True,
    pad_val=0,
    seg_pad_val=1000,
    size_divisor=1,
)
model = dict(
    type="LUSSSegmentor",
    data_preprocessor=data_preprocessor,
    backbone=dict(type="PartlyFrozenTIMMBackbone", model_name="tf_efficientnet_lite0"),
    decode_head=dict(type="LinearHead", upsampling=2, label_stride=None, loss_upsampling=2),
    test_cfg=dict(max_resolution=1000, limited_side="long"),
)

model = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=dict(type="mmpretrain.ConvNeXt", arch="tiny", drop_path_rate=0.2, gap_before_final_norm=False),
    decode_head=dict(type="LinearHead", upsampling=2, label_stride=None, loss_upsampling=2),
    test_cfg=dict(max_resolution=1000, limited_side="long"),
)

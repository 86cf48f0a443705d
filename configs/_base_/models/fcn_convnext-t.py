model = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=dict(type="mmpretrain.ConvNeXt", arch="tiny", drop_path_rate=0.2, gap_before_final_norm=False),
    decode_head=dict(type="PixelShuffleHead", patch_size=4),
    test_cfg=dict(max_resolution=1000, limited_side="long"),
)

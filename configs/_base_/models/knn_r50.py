model = dict(
    type="KNNSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=dict(type="ResNet", depth=50, norm_cfg=dict(type="BN"), norm_eval=False),
    k=10,
    temperature=0.07,
    upsampling=4,
)

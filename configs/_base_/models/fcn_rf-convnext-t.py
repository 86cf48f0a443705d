# The published search settings are not known; these are ours.
rf_search = dict(
    step=0,
    max_step=100,
    search_interval=10,
    exp_rate=0.5,
    init_alphas=0.01,
    mmin=1,
    mmax=24,
    num_branches=2,
    skip_layer=[],
)
model = dict(
    type="LUSSSegmentor",
    data_preprocessor=dict(type="LUSSDataPreProcessor"),
    backbone=dict(
        type="RFConvNeXt",
        mode="search",
        search=rf_search,
        arch="tiny",
        drop_path_rate=0.2,
        gap_before_final_norm=False,
    ),
    decode_head=dict(type="LinearHead", upsampling=2, label_stride=None, loss_upsampling=2),
    test_cfg=dict(max_resolution=1000, limited_side="long"),
)

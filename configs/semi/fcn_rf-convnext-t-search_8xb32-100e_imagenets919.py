_base_ = [
    "../_base_/models/fcn_rf-convnext-tiny.py",
    "../_base_/datasets/imagenets919_semi.py",
    "../_base_/datasets/imagenets919.py",
    "../_base_/schedules/adamw_warmup_100e.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/convnext_tiny_1k_224_ema.pth"),
    ),
    decode_head=dict(num_classes=920),
)
optim_wrapper = dict(optimizer=dict(lr=2.5e-4), paramwise_cfg=dict(decay_rate=0.60))
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="ResumableRFSearchHook", mode="search", config=dict(search=_base_.rf_search), verbose=False),
]
val_evaluator = dict(matching="identity")
test_evaluator = val_evaluator

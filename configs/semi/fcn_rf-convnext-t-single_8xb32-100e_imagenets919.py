_base_ = [
    "../_base_/models/fcn_rf-convnext-t.py",
    "../_base_/datasets/imagenets_semi.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/schedules/adamw_warmup.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        mode="single",
        structure_file="work_dirs/fcn_rf-convnext-t-search_8xb32-100e_imagenets919/epoch_100.pth",
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/convnext_tiny_1k_224_ema.pth", fresh_final_norm=True),
    ),
    decode_head=dict(num_classes=920),
)
optim_wrapper = dict(
    optimizer=dict(lr=2.5e-4),
    paramwise_cfg=dict(decay_rate=0.60, changed_decay_rate=0.9, changed_lr_mult=10),
)
val_evaluator = test_evaluator = dict(matching="identity")

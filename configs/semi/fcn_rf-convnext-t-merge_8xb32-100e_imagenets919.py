_base_ = [
    "../_base_/models/fcn_rf-convnext-t.py",
    "../_base_/datasets/imagenets_semi.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/schedules/adamw_warmup.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        mode="merge",
        structure_file="work_dirs/fcn_rf-convnext-t-multiple_8xb32-100e_imagenets919/epoch_100.pth",
        init_cfg=dict(
            type="Pretrained",
            checkpoint="work_dirs/fcn_rf-convnext-t-multiple_8xb32-100e_imagenets919/epoch_100.pth",
            prefix="backbone.",
            fresh_final_norm=True,
        ),
    ),
    decode_head=dict(num_classes=920),
)
optim_wrapper = dict(
    optimizer=dict(lr=2.5e-4),
    paramwise_cfg=dict(decay_rate=0.55, changed_decay_rate=1.0, changed_lr_mult=10),
)
val_evaluator = test_evaluator = dict(matching="identity")

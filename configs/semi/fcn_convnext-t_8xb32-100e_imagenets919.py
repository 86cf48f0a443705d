_base_ = [
    "../_base_/models/fcn_convnext-t.py",
    "../_base_/datasets/imagenets_semi.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/schedules/adamw_warmup.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        init_cfg=dict(type="Pretrained", checkpoint="checkpoints/convnext_tiny_1k_224_ema.pth", fresh_final_norm=True)
    ),
    decode_head=dict(num_classes=920),
)
optim_wrapper = dict(optimizer=dict(lr=2.5e-4))
val_evaluator = test_evaluator = dict(matching="identity")

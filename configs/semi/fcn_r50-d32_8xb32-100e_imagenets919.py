_base_ = [
    "../_base_/models/fcn_r50.py",
    "../_base_/datasets/imagenets_semi.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/schedules/adamw_warmup.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        init_cfg=dict(
            type="Pretrained",
            checkpoint="work_dirs/pass-pretrain_r50_8xb32-100e_imagenets919/epoch_100.pth",
            prefix="backbone.",
        ),
    ),
    decode_head=dict(num_classes=920),
)
optim_wrapper = dict(optimizer=dict(weight_decay=5e-4), paramwise_cfg=dict(decay_rate=0.40))
val_evaluator = test_evaluator = dict(matching="identity")
# As published: the statistics of 32 images a GPU.
sync_bn = None

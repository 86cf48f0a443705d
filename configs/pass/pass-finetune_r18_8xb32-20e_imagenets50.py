_base_ = [
    "../_base_/models/pass_segmentor_r50.py",
    "../_base_/datasets/imagenets50_pixel_labels.py",
    "../_base_/datasets/imagenets50.py",
    "../_base_/schedules/larc_20e.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        depth=18,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="work_dirs/pass-pretrain_r18_8xb32-200e_imagenets50/epoch_200.pth",
            prefix="backbone.",
        ),
    ),
    decode_head=dict(num_classes=51),
)
train_dataloader = dict(
    dataset=dict(label_root="work_dirs/pass-pixel-attention_r18_8xb32-20e_imagenets50/pixel_labels")
)

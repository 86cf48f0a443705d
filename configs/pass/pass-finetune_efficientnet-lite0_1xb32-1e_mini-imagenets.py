_base_ = "pass-finetune_efficientnet-lite0_1xb32-6e_flowers15.py"
model = dict(
    backbone=dict(
        norm_eval=True,
        init_cfg=dict(checkpoint="work_dirs/pass-pretrain_efficientnet-lite0_1xb32-1e_mini-imagenets/epoch_1.pth"),
    ),
    decode_head=dict(num_classes=10),
)
label_root = "work_dirs/pass-pixel-attention_efficientnet-lite0_1xb24-1e_mini-imagenets/pixel_labels"
train_dataloader = dict(dataset=dict(data_root="data/mini_imagenets", label_root=label_root))
val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/mini_imagenets"))
train_cfg = dict(max_epochs=1, val_interval=1)

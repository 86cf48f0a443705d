_base_ = [
    "../_base_/models/pass-finetune_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_pixel_labels.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/adam.py",
    "../_base_/default_runtime.py",
]
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
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
train_cfg = dict(max_epochs=1, val_interval=1)

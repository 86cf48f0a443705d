_base_ = [
    "../_base_/models/pass-finetune_r50.py",
    "../_base_/datasets/image_folder_pixel_labels.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/larc.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        depth=18, init_cfg=dict(checkpoint="work_dirs/pass-pretrain_r18_1xb64-40e_mini-imagenets/epoch_40.pth")
    ),
    decode_head=dict(num_classes=10),
)
label_root = "work_dirs/pass-pixel-attention_r18_1xb32-10e_mini-imagenets/pixel_labels"
train_dataloader = dict(dataset=dict(data_root="data/mini_imagenets", label_root=label_root))
val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/mini_imagenets"))
optim_wrapper = dict(optimizer=dict(lr=6.0))
train_cfg = dict(max_epochs=10, val_interval=10)

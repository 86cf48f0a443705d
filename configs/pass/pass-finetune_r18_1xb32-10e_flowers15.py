_base_ = "pass-finetune_r18_1xb32-10e_mini-imagenets.py"
model = dict(
    backbone=dict(init_cfg=dict(checkpoint="work_dirs/pass-pretrain_r18_1xb64-40e_flowers15/epoch_40.pth")),
    decode_head=dict(num_classes=16),
)
label_root = "work_dirs/pass-pixel-attention_r18_1xb32-10e_flowers15/pixel_labels"
train_dataloader = dict(dataset=dict(data_root="data/Flowers15", label_root=label_root))
val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/Flowers15"))

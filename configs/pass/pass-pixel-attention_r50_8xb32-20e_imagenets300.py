_base_ = "pass-pixel-attention_r50_8xb32-20e_imagenets919.py"
model = dict(pretrained="work_dirs/pass-pretrain_r50_8xb32-100e_imagenets300/epoch_100.pth")
train_dataloader = test_dataloader = dict(dataset=dict(data_root="data/ImageNetS300", subset=300))
default_hooks = dict(pseudo_labels=dict(num_clusters=300))

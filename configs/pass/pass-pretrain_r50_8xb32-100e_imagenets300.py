_base_ = "pass-pretrain_r50_8xb32-100e_imagenets919.py"
train_dataloader = dict(dataset=dict(data_root="data/ImageNetS300", subset=300, split="train"))

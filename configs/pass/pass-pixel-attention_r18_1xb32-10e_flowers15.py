_base_ = "pass-pixel-attention_r18_1xb32-10e_mini-imagenets.py"
model = dict(pretrained="work_dirs/pass-pretrain_r18_1xb64-40e_flowers15/epoch_40.pth")
train_dataloader = test_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
default_hooks = dict(pseudo_labels=dict(num_clusters=15))

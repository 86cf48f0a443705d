_base_ = "pass-pixel-attention_efficientnet-lite0_1xb24-1e_mini-imagenets.py"
model = dict(
    embedding_dim=64,
    pretrained="work_dirs/pass-pretrain_efficientnet-lite0_1xb64-10e_flowers15/epoch_10.pth",
)
train_dataloader = dict(batch_size=32, dataset=dict(data_root="data/Flowers15"))
test_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
optim_wrapper = dict(optimizer=dict(lr=1e-2))
train_cfg = dict(max_epochs=7)
default_hooks = dict(pseudo_labels=dict(num_clusters=15))

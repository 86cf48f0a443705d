_base_ = "pass-pretrain_efficientnet-lite0_1xb32-1e_mini-imagenets.py"
model = dict(embedding_dim=64)
train_dataloader = dict(batch_size=64, dataset=dict(data_root="data/Flowers15"))
train_cfg = dict(max_epochs=10)
default_hooks = dict(prototypes=dict(freeze_iters=30))

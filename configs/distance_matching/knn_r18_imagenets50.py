_base_ = "knn_r50_imagenets919.py"
model = dict(backbone=dict(depth=18))
dataset = dict(data_root="data/ImageNetS50", subset=50)
default_hooks = dict(support=dict(dataset=dataset))
val_dataloader = test_dataloader = dict(dataset=dataset)

_base_ = "knn_r50_imagenets919.py"
dataset = dict(data_root="data/ImageNetS300", subset=300)
default_hooks = dict(support=dict(dataset=dataset))
val_dataloader = test_dataloader = dict(dataset=dataset)

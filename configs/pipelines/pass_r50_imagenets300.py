_base_ = "../_base_/pipelines/pass_imagenets.py"
data_root = "data/ImageNetS300"
num_clusters = 300
pretrain = "../pass/pass-pretrain_r50_8xb32-100e_imagenets300.py"
pixel_attention = "../pass/pass-pixel-attention_r50_8xb32-20e_imagenets300.py"
finetune = "../pass/pass-finetune_r50_8xb32-20e_imagenets300.py"
submission = dict(training_data="train split of ImageNet-S-300", networks="ResNet-50")

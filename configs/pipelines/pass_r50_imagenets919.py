_base_ = "../_base_/pipelines/pass_imagenets.py"
data_root = "data/ImageNetS919"
num_clusters = 919
pretrain = "../pass/pass-pretrain_r50_8xb32-100e_imagenets919.py"
pixel_attention = "../pass/pass-pixel-attention_r50_8xb32-20e_imagenets919.py"
finetune = "../pass/pass-finetune_r50_8xb32-20e_imagenets919.py"
submission = dict(training_data="training images of ImageNet-1k", networks="ResNet-50")

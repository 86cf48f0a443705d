_base_ = "pass_r18_imagenets50.py"
protocol = "unsupervised protocol with saliency maps: from scratch"
pixel_attention = "../pass/pass-pixel-attention-saliency_r18_8xb32-20e_imagenets50.py"
finetune = "../pass/pass-finetune-saliency_r18_8xb32-20e_imagenets50.py"
submission = dict(
    name="PASS with saliency maps",
    training_data="train split of ImageNet-S-50 and saliency maps of its images",
    description="PASS, with saliency maps in place of pixel attention; by mmluss.",
)

# Step 2 of PASS on the backbone of any learner: model.pretrained names its checkpoint, of which the backbone is read.
# There is no projector then, and the prototypes start where k-means puts them.
_base_ = "../pass/pass-pixel-attention_r18_8xb32-20e_imagenets50.py"
model = dict(
    image_projector=False,
    pretrained="work_dirs/simclr_r18_8xb32-200e_imagenets50/epoch_200.pth",
    pretrained_parts=["backbone"],
)
default_hooks = dict(prototype_kmeans=dict(type="PrototypeKMeansHook"))

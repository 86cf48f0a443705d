_base_ = [
    "../_base_/models/densecl_r18.py",
    "../_base_/datasets/imagenets_mocov2.py",
    "../_base_/schedules/sgd_cosine.py",
    "../_base_/default_runtime.py",
]
# Shuffled batches, not synchronized statistics, keep the key encoder from cheating.
sync_bn = None

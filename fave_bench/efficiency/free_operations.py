"""Operations without a product that sums: what may stand in a graph and cost nothing.

Explicit, so that an operation nobody has thought of is never taken for free. What torch itself tags as pointwise need
not be listed, and fvcore has a short list of its own.
"""

MOVE = """
Bool Float FloatImplicit Int IntImplicit ScalarImplicit alias arange as_strided broadcast_tensors broadcast_to cat
chunk clone constant_pad_nd contiguous copy_ detach diag_embed diagonal embedding empty empty_like eye expand expand_as
fill_ flatten flip full full_like gather index index_put index_put_ index_select lift_fresh linspace mT masked_select
meshgrid movedim narrow new_empty new_full new_ones new_zeros nonzero numpy_T one_hot ones ones_like pad permute ravel
real repeat repeat_interleave reshape reshape_as resolve_conj resolve_neg roll scalar_tensor scatter scatter_ select
size slice split split_with_sizes squeeze squeeze_ stack swapaxes t take_along_dim tensor tensor_split to transpose
tril triu type_as unbind unflatten unfold unsqueeze unsqueeze_ view view_as where zero_ zeros zeros_like
_pack_padded_sequence _pad_packed_sequence _shape_as_tensor
"""
SEARCH = """
__and__ __or__ _unique2 argmax argmin argsort bincount bucketize is_nonzero item kthvalue searchsorted sort topk
unique_consecutive
"""
REDUCE = """
adaptive_avg_pool1d adaptive_max_pool1d all amax amin any avg_pool1d count_nonzero cummax cumprod cumsum index_add
index_add_ linalg_norm linalg_vector_norm logsumexp max max_pool1d mean median min norm prod scatter_add scatter_add_
scatter_reduce segment_reduce std std_mean sum var var_mean
"""
NORMALISE = """
_fused_rms_norm alpha_dropout batch_norm celu dropout dropout_ feature_dropout glu group_norm hardswish instance_norm
layer_norm log_sigmoid log_softmax normalize prelu relu6 rms_norm rrelu selu softmax
"""
DRAW = """
bernoulli bernoulli_ multinomial normal normal_ rand rand_like randint randn randn_like randperm uniform_
"""

FREE = frozenset(" ".join((MOVE, SEARCH, REDUCE, NORMALISE, DRAW)).split())
"""Names in the namespace aten."""

"""What is laid into a plane keeps what the plane can keep."""

import numpy as np

from fave_bench.geometry.planes import PERPLEXITY, lay


def on_a_circle(count: int, d: int = 8) -> np.ndarray:
    """(count, d) unit vectors in a plane of d dimensions."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    plane = np.linalg.qr(np.random.default_rng(0).normal(size=(d, 2)))[0]
    return np.column_stack([np.cos(angle), np.sin(angle)]) @ plane.T


def apart(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


def test_pca_keeps_all_distances_of_what_lies_in_a_plane_and_lengths_do_not_count() -> None:
    vectors = on_a_circle(24)
    longer = vectors * np.random.default_rng(1).uniform(0.1, 9, (24, 1))
    for given in (vectors, longer):
        laid = lay(given, seed=0)
        assert np.allclose(apart(laid.pca), apart(vectors))
        assert np.isclose(laid.layout.explained, 1)


def test_tsne_keeps_neighbours_together_and_is_the_same_each_time() -> None:
    random = np.random.default_rng(0)
    centres = random.normal(size=(3, 16))
    vectors = np.repeat(centres, 20, axis=0) + 0.05 * random.normal(size=(60, 16))
    first, second = lay(vectors, seed=0), lay(vectors, seed=0)
    distances = apart(first.tsne) + 1e9 * np.eye(60)
    assert (distances.argmin(1) // 20 == np.arange(60) // 20).all()
    assert first.at(slice(None)) == second.at(slice(None))
    assert first.layout == second.layout


def test_few_vectors_have_fewer_neighbours_and_many_have_the_usual_number() -> None:
    assert lay(on_a_circle(6), seed=0).layout.perplexity == 1
    assert lay(np.random.default_rng(0).normal(size=(200, 4)), seed=0).layout.perplexity == PERPLEXITY


def test_a_vector_of_length_0_has_a_place_too() -> None:
    vectors = np.vstack([on_a_circle(12), np.zeros((1, 8))])
    laid = lay(vectors, seed=0)
    assert np.isfinite(laid.tsne).all() and np.isfinite(laid.pca).all()

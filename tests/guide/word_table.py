"""Makes the table of words, `src/source/meaning/words.bin`; its README tells how and from what.

usage: word_table.py MODEL.onnx TOKENIZER.json WORDS.tsv SENTENCES.txt OUT.bin

WORDS.tsv has a line for each word: the word, its stem, and in how many files it is; SENTENCES.txt one for each sentence.
Needs numpy, scipy, onnxruntime and tokenizers. The model and its tokenizer come from any package of all-MiniLM-L6-v2.
"""

import re
import struct
import sys
from collections import defaultdict

import numpy as np
import onnxruntime
import scipy.sparse as sparse
from tokenizers import Tokenizer

DIMENSIONS = 128
LEAST_FILES = 8
WORDS_OF_STEM = 3
RIDGE = 1.0
STEPS = 25


class Model:
    def __init__(self, model, tokenizer):
        self.session = onnxruntime.InferenceSession(model)
        self.tokenizer = Tokenizer.from_file(tokenizer)
        self.tokenizer.enable_truncation(48)
        self.tokenizer.enable_padding()

    def encode(self, texts):
        """The mean token vector of each text, of length 1."""
        vectors = np.zeros((len(texts), 384), np.float32)
        by_length = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        for start in range(0, len(texts), 64):
            batch = by_length[start : start + 64]
            encoded = self.tokenizer.encode_batch([texts[at] for at in batch])
            ids = np.array([found.ids for found in encoded], dtype=np.int64)
            mask = np.array([found.attention_mask for found in encoded], dtype=np.int64)
            tokens = self.session.run(
                None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            )[0]
            mean = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
            vectors[batch] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors


def read_stems(path):
    """Stems with their words, most frequent first, and the number of files."""
    stems = defaultdict(list)
    with open(path) as lines:
        for line in lines:
            word, stem, files = line.split("\t")[:3]
            stems[stem].append((int(files), word))
    kept = {}
    for stem, words in stems.items():
        words.sort(reverse=True)
        n_files = sum(files for files, _ in words)
        # A word of the model's dictionary that no source has counts 0 files.
        if len(stem) > 1 and (n_files >= LEAST_FILES or any(files == 0 for files, _ in words)):
            kept[stem] = (n_files, [word for _, word in words])
    return kept


def bags(sentences, numbers, weights):
    """A row for each sentence with two known stems or more: their weights, of length below 1."""
    rows, columns, values, kept = [], [], [], []
    camel = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
    for at, sentence in enumerate(sentences):
        counts = defaultdict(int)
        for run in re.findall("[A-Za-z]+", sentence):
            for word in camel.split(run):
                if (number := numbers.get(word.lower())) is not None:
                    counts[number] += 1
        if len(counts) < 2:
            continue
        row = np.array([np.sqrt(n) * weights[number] for number, n in counts.items()])
        rows += [len(kept)] * len(counts)
        columns += list(counts)
        values += list(row / np.linalg.norm(row) / 1.3)
        kept.append(at)
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(kept), len(weights))), kept


def fitted(vectors, bag, targets):
    """Vectors near those given whose sums are near the targets, by conjugate gradients."""
    matrix = bag.T @ bag + RIDGE * sparse.identity(len(vectors))
    inverse = 1 / matrix.diagonal()[:, None]
    change = np.zeros_like(vectors)
    residue = bag.T @ (targets - bag @ vectors)
    scaled = inverse * residue
    direction, size = scaled.copy(), (residue * scaled).sum(0)
    for _ in range(STEPS):
        product = matrix @ direction
        step = size / ((direction * product).sum(0) + 1e-12)
        change += direction * step
        residue -= product * step
        scaled = inverse * residue
        next_size = (residue * scaled).sum(0)
        direction, size = scaled + direction * (next_size / (size + 1e-12)), next_size
    return vectors + change


def reduced(vectors, importance):
    """The directions of most variance, without the mean."""
    centred = vectors - (vectors * importance).sum(0) / importance.sum()
    _, directions = np.linalg.eigh((centred * importance).T @ centred)
    return centred @ directions[:, ::-1][:, :DIMENSIONS]


def main():
    model_path, tokenizer_path, words_path, sentences_path, out_path = sys.argv[1:]
    model = Model(model_path, tokenizer_path)
    stems = read_stems(words_path)
    names = list(stems)
    files = np.array([stems[name][0] for name in names], float)
    most = files.max() + 1
    weights = np.log((most + 1) / (files + 1))
    weights = np.clip(weights / weights.max(), 0.05, 1) ** 0.7

    encoded = [word for name in names for word in stems[name][1][:WORDS_OF_STEM]]
    by_word = dict(zip(encoded, model.encode(encoded)))
    vectors = np.array(
        [sum(by_word[word] * (1 + (at == 0)) for at, word in enumerate(stems[name][1][:WORDS_OF_STEM])) for name in names]
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors -= vectors.mean(0)

    numbers = {word: number for number, name in enumerate(names) for word in stems[name][1]}
    sentences = open(sentences_path).read().splitlines()
    bag, kept = bags(sentences, numbers, weights)
    targets = model.encode([sentences[at] for at in kept])
    vectors = fitted(vectors, bag, targets - targets.mean(0))

    vectors = reduced(vectors, ((files + 5) ** 0.5)[:, None])
    lengths = np.linalg.norm(vectors, axis=1)
    vectors /= lengths[:, None]
    weights *= lengths / np.median(lengths)
    weights = np.clip(weights / np.percentile(weights, 99.5), 0.01, 1)
    whole = np.clip(np.round(vectors / np.abs(vectors).max(1, keepdims=True) * 127), -127, 127).astype(np.int8)
    order = sorted(range(len(names)), key=lambda at: names[at].encode())
    with open(out_path, "wb") as out:
        out.write(struct.pack("<II", len(names), DIMENSIONS))
        out.write("".join(names[at] + "\n" for at in order).encode())
        out.write(bytes(int(round(weights[at] * 255)) for at in order))
        out.write(whole[order].tobytes())


if __name__ == "__main__":
    main()

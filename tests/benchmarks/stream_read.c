/* How fast memory is read, by threads of C, with the widest loads that the compiler may use here, several sums
   that do not wait for each other, and prefetching as far ahead as memory takes to answer.
   Reads BYTES of memory, divided among THREADS, REPETITIONS times; prints bytes per second, a line each. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#define LINE 64
#define STEP (4 * LINE)
#define HUGE_PAGE ((size_t)2 << 20)

static pthread_barrier_t gate;
static int repetitions;
static size_t ahead; /* bytes; 0 leaves it to the processor */

struct part {
    unsigned char *bytes;
    size_t size;
    uint64_t sum;
    double *begun, *ended;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

#if defined(__AVX512F__)
#define KERNEL "AVX-512"
typedef __m512i wide;
#define PER_LINE 1
#define LOAD(p) _mm512_load_si512((const void *)(p))
#define MIX(a, b) _mm512_or_si512(a, b)
#define NOTHING _mm512_setzero_si512()
#elif defined(__AVX2__)
#define KERNEL "AVX2"
typedef __m256i wide;
#define PER_LINE 2
#define LOAD(p) _mm256_load_si256((const wide *)(p))
#define MIX(a, b) _mm256_or_si256(a, b)
#define NOTHING _mm256_setzero_si256()
#else
#define KERNEL "plain C"
typedef uint64_t wide;
#define PER_LINE 8
#define LOAD(p) (*(const wide *)(p))
#define MIX(a, b) ((a) | (b))
#define NOTHING 0
#endif

static uint64_t read_part(const unsigned char *from, size_t size) {
    wide kept[4] = {NOTHING, NOTHING, NOTHING, NOTHING};
    for (size_t at = 0; at + STEP <= size; at += STEP) {
        if (ahead)
            for (int line = 0; line < 4; line++)
                __builtin_prefetch(from + at + ahead + line * LINE, 0, 3);
        for (int line = 0; line < 4; line++)
            for (int k = 0; k < PER_LINE; k++)
                kept[line] = MIX(kept[line], LOAD(from + at + line * LINE + k * sizeof(wide)));
    }
    wide all = MIX(MIX(kept[0], kept[1]), MIX(kept[2], kept[3]));
    uint64_t words[sizeof all / 8], sum = 0;
    memcpy(words, &all, sizeof all);
    for (size_t k = 0; k < sizeof all / 8; k++) sum |= words[k];
    return sum;
}

static void *read_all(void *given) {
    struct part *part = given;
    for (size_t i = 0; i < part->size; i++) part->bytes[i] = (unsigned char)i; /* by the thread that reads it */
    for (int r = 0; r < repetitions; r++) {
        pthread_barrier_wait(&gate);
        part->begun[r] = now();
        part->sum |= read_part(part->bytes, part->size);
        part->ended[r] = now();
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 4 || argc > 5) return 2;
    size_t bytes = strtoull(argv[1], NULL, 10);
    int threads = atoi(argv[2]);
    repetitions = atoi(argv[3]);
    ahead = (argc > 4 ? strtoull(argv[4], NULL, 10) : 64) * LINE;
    if (threads < 1 || repetitions < 1) return 2;
    pthread_t *ids = calloc(threads, sizeof *ids);
    struct part *parts = calloc(threads, sizeof *parts);
    size_t size = bytes / threads / STEP * STEP;
    pthread_barrier_init(&gate, NULL, threads);
    for (int t = 0; t < threads; t++) {
        size_t whole = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        parts[t].bytes = aligned_alloc(HUGE_PAGE, whole);
#ifdef MADV_HUGEPAGE
        if (parts[t].bytes) madvise(parts[t].bytes, whole, MADV_HUGEPAGE); /* as NumPy asks for, too */
#endif
        parts[t].size = size;
        parts[t].begun = calloc(repetitions, sizeof(double));
        parts[t].ended = calloc(repetitions, sizeof(double));
        if (!parts[t].bytes || pthread_create(&ids[t], NULL, read_all, &parts[t])) return 1;
    }
    uint64_t sum = 0;
    for (int t = 0; t < threads; t++) {
        pthread_join(ids[t], NULL);
        sum |= parts[t].sum;
    }
    for (int r = 0; r < repetitions; r++) {
        double begun = parts[0].begun[r], ended = parts[0].ended[r];
        for (int t = 1; t < threads; t++) {
            if (parts[t].begun[r] < begun) begun = parts[t].begun[r];
            if (parts[t].ended[r] > ended) ended = parts[t].ended[r];
        }
        printf("%.6e\n", (double)size * threads / (ended - begun));
    }
    fprintf(stderr, KERNEL " %llu\n", (unsigned long long)sum); /* so that nothing is left out */
    return 0;
}

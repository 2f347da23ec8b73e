/* How fast memory is read, by threads of C: what the compiler makes of a sum, as STREAM's kernels are loops.
   Reads BYTES of memory, divided among THREADS, REPETITIONS times; prints bytes per second, a line each. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static pthread_barrier_t gate;
static int repetitions;

struct part {
    uint64_t *words;
    size_t count;
    uint64_t sum;
    double *begun, *ended;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void *read_all(void *given) {
    struct part *part = given;
    for (size_t i = 0; i < part->count; i++) part->words[i] = i; /* by the thread that reads it */
    for (int r = 0; r < repetitions; r++) {
        pthread_barrier_wait(&gate);
        part->begun[r] = now();
        uint64_t a = 0, b = 0, c = 0, d = 0;
        for (size_t i = 0; i + 32 <= part->count; i += 32)
            for (size_t k = 0; k < 8; k++) {
                a += part->words[i + k];
                b += part->words[i + 8 + k];
                c += part->words[i + 16 + k];
                d += part->words[i + 24 + k];
            }
        part->sum += a + b + c + d;
        part->ended[r] = now();
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    size_t bytes = strtoull(argv[1], NULL, 10);
    int threads = atoi(argv[2]);
    repetitions = atoi(argv[3]);
    if (threads < 1 || repetitions < 1) return 2;
    pthread_t *ids = calloc(threads, sizeof *ids);
    struct part *parts = calloc(threads, sizeof *parts);
    size_t count = bytes / threads / 256 * 32;
    pthread_barrier_init(&gate, NULL, threads);
    for (int t = 0; t < threads; t++) {
        parts[t].words = aligned_alloc(4096, (count * 8 + 4095) / 4096 * 4096);
        parts[t].count = count;
        parts[t].begun = calloc(repetitions, sizeof(double));
        parts[t].ended = calloc(repetitions, sizeof(double));
        if (!parts[t].words || pthread_create(&ids[t], NULL, read_all, &parts[t])) return 1;
    }
    uint64_t sum = 0;
    for (int t = 0; t < threads; t++) {
        pthread_join(ids[t], NULL);
        sum += parts[t].sum;
    }
    for (int r = 0; r < repetitions; r++) {
        double begun = parts[0].begun[r], ended = parts[0].ended[r];
        for (int t = 1; t < threads; t++) {
            if (parts[t].begun[r] < begun) begun = parts[t].begun[r];
            if (parts[t].ended[r] > ended) ended = parts[t].ended[r];
        }
        printf("%.6e\n", (double)count * 8 * threads / (ended - begun));
    }
    fprintf(stderr, "%llu\n", (unsigned long long)sum); /* so that nothing is left out */
    return 0;
}

/* Calls the handler `kernel` once, as XLA would, outside JAX: PROGRAM INPUTS OUTPUT THREADS POOL.
 *
 * POOL says what the thread pool does with a task: "threads": runs it in one of its own; "caller": runs it at once,
 * in the thread that schedules it; "late": not before the kernel has returned; "none": refuses it.
 *
 * The file INPUTS has, in words of 64 bits: how many inputs and outputs there are, for each its rank and extents,
 * then the inputs' numbers. OUTPUT gets the first output's.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xla/ffi/api/c_api.h"

extern XLA_FFI_Error* kernel(XLA_FFI_CallFrame* frame);

int64_t kernel_threads;

struct XLA_FFI_Error {
  int destroyed;
};

enum { MOST = 64 };
static const char* pool;
static XLA_FFI_ThreadPool_Schedule_Args tasks[MOST];
static pthread_t threads[MOST];
static XLA_FFI_Error refusals[MOST];
static int scheduled;

static void need(int holds, const char* what) {
  if (!holds) {
    fprintf(stderr, "%s\n", what);
    exit(1);
  }
}

static void* run(void* task) {
  XLA_FFI_ThreadPool_Schedule_Args* scheduled_task = task;
  scheduled_task->task(scheduled_task->data);
  return NULL;
}

static XLA_FFI_Error* schedule(XLA_FFI_ThreadPool_Schedule_Args* args) {
  need(args->struct_size == XLA_FFI_ThreadPool_Schedule_Args_STRUCT_SIZE, "a task of another size");
  need(args->ctx == (void*)&pool, "a task without the call's context");
  need(scheduled < MOST, "too many tasks");
  int number = scheduled++;
  tasks[number] = *args;
  if (strcmp(pool, "none") == 0) return refusals + number;
  if (strcmp(pool, "caller") == 0) run(tasks + number);
  if (strcmp(pool, "threads") == 0)
    need(pthread_create(threads + number, NULL, run, tasks + number) == 0, "no thread");
  return NULL;
}

static void destroy(XLA_FFI_Error_Destroy_Args* args) {
  need(args->struct_size == XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, "an error of another size");
  args->error->destroyed++;
}

static int64_t word(FILE* from) {
  int64_t value;
  need(fread(&value, sizeof value, 1, from) == 1, "the inputs end early");
  return value;
}

static size_t numbers(const XLA_FFI_Buffer* buffer) {
  size_t count = 1;
  for (int64_t axis = 0; axis < buffer->rank; axis++) count *= buffer->dims[axis];
  return count;
}

int main(int count, char** names) {
  need(count == 5, "usage: PROGRAM INPUTS OUTPUT THREADS POOL");
  kernel_threads = atoi(names[3]);
  pool = names[4];
  FILE* from = fopen(names[1], "rb");
  need(from != NULL, "no inputs");
  int64_t inputs = word(from), outputs = word(from), all = inputs + outputs;
  XLA_FFI_Buffer* buffers = calloc(all, sizeof *buffers);
  void** pointers = calloc(all, sizeof *pointers);
  for (int64_t index = 0; index < all; index++) {
    XLA_FFI_Buffer* buffer = buffers + index;
    buffer->struct_size = sizeof *buffer;
    buffer->dtype = XLA_FFI_DataType_F32;
    buffer->rank = word(from);
    buffer->dims = calloc(buffer->rank, sizeof *buffer->dims);
    for (int64_t axis = 0; axis < buffer->rank; axis++) buffer->dims[axis] = word(from);
    buffer->data = malloc(numbers(buffer) * sizeof(float));
    memset(buffer->data, 0xff, numbers(buffer) * sizeof(float)); /* NaN: nothing may be taken for granted */
    pointers[index] = buffer;
  }
  for (int64_t index = 0; index < inputs; index++) {
    size_t size = numbers(buffers + index);
    need(fread(buffers[index].data, sizeof(float), size, from) == size, "the inputs end early");
  }

  XLA_FFI_CallFrame frame;
  memset(&frame, 0, sizeof frame);
  frame.struct_size = sizeof frame;
  XLA_FFI_Api api;
  memset(&api, 0, sizeof api);
  api.XLA_FFI_ThreadPool_Schedule = schedule;
  api.XLA_FFI_Error_Destroy = destroy;
  frame.api = &api;
  frame.ctx = (void*)&pool;
  frame.stage = XLA_FFI_ExecutionStage_EXECUTE;
  frame.args.size = inputs;
  frame.args.args = pointers;
  frame.rets.size = outputs;
  frame.rets.rets = pointers + inputs;
  need(kernel(&frame) == NULL, "the kernel returned an error");

  for (int number = 0; number < scheduled; number++) {
    if (strcmp(pool, "threads") == 0) pthread_join(threads[number], NULL);
    if (strcmp(pool, "late") == 0) run(tasks + number);
    need(refusals[number].destroyed == (strcmp(pool, "none") == 0), "an error that was not destroyed once");
  }
  fprintf(stderr, "%d tasks\n", scheduled);

  FILE* to = fopen(names[2], "wb");
  size_t size = numbers(buffers + inputs);
  need(to != NULL && fwrite(buffers[inputs].data, sizeof(float), size, to) == size && fclose(to) == 0, "no output");
  return 0;
}

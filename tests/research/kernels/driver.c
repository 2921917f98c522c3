/* Calls the handler `kernel` once, as XLA would, outside JAX: PROGRAM INPUTS OUTPUT.
 *
 * The file INPUTS has, in words of 64 bits: how many inputs and outputs there are, for each its rank and extents,
 * then the inputs' numbers. OUTPUT gets the first output's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xla/ffi/api/c_api.h"

extern XLA_FFI_Error* kernel(XLA_FFI_CallFrame* frame);

static void need(int holds, const char* what) {
  if (!holds) {
    fprintf(stderr, "%s\n", what);
    exit(1);
  }
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
  need(count == 3, "usage: PROGRAM INPUTS OUTPUT");
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
  frame.stage = XLA_FFI_ExecutionStage_EXECUTE;
  frame.args.size = inputs;
  frame.args.args = pointers;
  frame.rets.size = outputs;
  frame.rets.rets = pointers + inputs;
  need(kernel(&frame) == NULL, "the kernel returned an error");

  FILE* to = fopen(names[2], "wb");
  size_t size = numbers(buffers + inputs);
  need(to != NULL && fwrite(buffers[inputs].data, sizeof(float), size, to) == size && fclose(to) == 0, "no output");
  return 0;
}

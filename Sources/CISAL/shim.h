#pragma once
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

// isa-l's inflate state holds arrays that Swift can't import; these few calls keep it opaque.

/// The state of one deflate stream that a gzip trailer follows.
typedef struct garboard_inflate garboard_inflate;

/// A new state, or NULL when there is no memory.
static inline garboard_inflate *garboard_inflate_create(void) {
  struct inflate_state *state = (struct inflate_state *)malloc(sizeof *state);
  if (state) isal_inflate_init(state);
  return (garboard_inflate *)state;
}

static inline void garboard_inflate_destroy(garboard_inflate *inflate) { free(inflate); }

/// Starts the next member, behind its gzip header.
static inline void garboard_inflate_start(garboard_inflate *inflate) {
  struct inflate_state *state = (struct inflate_state *)inflate;
  isal_inflate_reset(state);
  state->hist_bits = 0;
  state->crc_flag = ISAL_GZIP_NO_HDR_VER;
}

/// Inflates; on return the counts say how much of the input and the output was not used.
/// Gives isa-l's result, and whether the member ended and its trailer was right.
static inline int garboard_inflate_run(
    garboard_inflate *inflate, const uint8_t *input, uint32_t *input_count, uint8_t *output,
    uint32_t *output_count, bool *ended) {
  struct inflate_state *state = (struct inflate_state *)inflate;
  state->next_in = (uint8_t *)input;
  state->avail_in = *input_count;
  state->next_out = output;
  state->avail_out = *output_count;
  int result = isal_inflate(state);
  *input_count = state->avail_in;
  *output_count = state->avail_out;
  *ended = result == ISAL_DECOMP_OK && state->block_state == ISAL_BLOCK_FINISH;
  return result;
}

// Size and speed of the compression libraries on one file, cut into blocks, on one thread.
//
//   cc -O2 Benchmarks/Codec/blocks.c -o blocks -lisal -ldeflate -lzstd -llzma
//   ./blocks FILE libdeflate|isal|zstd|xz LEVEL BLOCK-KIB...        (0: the whole file as one block)
//
// Prints file, library, level, block in KiB, bytes, MB of input per second of processor time.
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

static double processor_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static size_t isal(const unsigned char *in, size_t size, unsigned char *out, size_t room, int level) {
  static const uint32_t buffers[] = {0, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
  static unsigned char buffer[ISAL_DEF_LVL3_DEFAULT + ISAL_DEF_LVL2_DEFAULT];
  struct isal_zstream stream;
  isal_deflate_init(&stream);
  stream.level = level;
  stream.level_buf = buffer;
  stream.level_buf_size = buffers[level];
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.next_in = (unsigned char *)in;
  stream.avail_in = size;
  stream.next_out = out;
  stream.avail_out = room;
  isal_deflate(&stream);
  return stream.total_out;
}

int main(int count, char **arguments) {
  struct stat status;
  int file = count < 5 ? -1 : open(arguments[1], O_RDONLY);
  if (file < 0 || fstat(file, &status) != 0) return 64;
  size_t size = status.st_size;
  unsigned char *bytes = malloc(size);
  for (size_t done = 0; done < size;) {
    ssize_t more = read(file, bytes + done, size - done);
    if (more <= 0) return 1;
    done += more;
  }
  char library = arguments[2][0];
  int level = atoi(arguments[3]);
  struct libdeflate_compressor *deflate = library == 'l' ? libdeflate_alloc_compressor(level) : NULL;
  ZSTD_CCtx *zstd = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
  for (int argument = 4; argument < count; argument++) {
    size_t block = (size_t)atoi(arguments[argument]) << 10;
    if (block == 0) block = size;
    size_t room = block + block / 8 + (1 << 20), total = 0;
    unsigned char *out = malloc(room);
    memset(out, 1, room);
    double start = processor_time();
    for (size_t at = 0; at < size; at += block) {
      size_t part = size - at < block ? size - at : block, xz = 0;
      switch (library) {
        case 'l': total += libdeflate_gzip_compress(deflate, bytes + at, part, out, room); break;
        case 'i': total += isal(bytes + at, part, out, room, level); break;
        case 'z': total += ZSTD_compress2(zstd, out, room, bytes + at, part); break;
        case 'x':
          lzma_easy_buffer_encode(level, LZMA_CHECK_CRC64, NULL, bytes + at, part, out, &xz, room);
          total += xz;
          break;
        default: return 64;
      }
    }
    double time = processor_time() - start;
    printf("%s\t%s\t%d\t%s\t%zu\t%.1f\n", arguments[1], arguments[2], level, arguments[argument], total,
           size / time / 1e6);
    fflush(stdout);
    free(out);
  }
}

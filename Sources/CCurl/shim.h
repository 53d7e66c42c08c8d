#pragma once
#include <curl/curl.h>

// curl_easy_setopt and curl_easy_getinfo take variable arguments, which Swift can't call: one wrapper for
// each type of argument. The parentheses keep curl's type-checking macros away: the option is no constant.

static inline CURLcode garboard_curl_set_long(CURL *handle, CURLoption option, long value) {
  return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode garboard_curl_set_string(CURL *handle, CURLoption option, const char *value) {
  return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode garboard_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return (curl_easy_setopt)(handle, option, value);
}

typedef size_t (*garboard_curl_write)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode garboard_curl_set_write(CURL *handle, garboard_curl_write write) {
  return (curl_easy_setopt)(handle, CURLOPT_WRITEFUNCTION, write);
}

static inline CURLcode garboard_curl_get_long(CURL *handle, CURLINFO info, long *value) {
  return (curl_easy_getinfo)(handle, info, value);
}

static inline CURLcode garboard_curl_get_offset(CURL *handle, CURLINFO info, curl_off_t *value) {
  return (curl_easy_getinfo)(handle, info, value);
}

// The result of a finished transfer, which is in a union.
static inline CURLcode garboard_curl_result(const CURLMsg *message) { return message->data.result; }

static inline CURLcode garboard_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
  return (curl_easy_setopt)(handle, option, value);
}

// What is sent is pulled by this; the same type as what takes data.
static inline CURLcode garboard_curl_set_read(CURL *handle, garboard_curl_write read) {
  return (curl_easy_setopt)(handle, CURLOPT_READFUNCTION, read);
}

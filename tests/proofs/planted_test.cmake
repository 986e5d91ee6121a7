# A leak planted in a kernel must not compile over words that keep secrets, and for that reason.
#   cmake -DCASE=… -DCOMPILER=… -DSOURCE=… -DGENERATED=… -DWORK=… -P planted_test.cmake
# A copy of the kernel stands in WORK, where the compiler looks first.

# plant(TU FILE TEXT REPLACEMENT REASON): the slots to compile, the kernel and what is changed in it, and what the
# compiler must say of its first error (g++ and clang have words of their own).
function(plant tu file text replacement reason)
  foreach(name tu file text replacement reason)
    set(${name} "${${name}}" PARENT_SCOPE)
  endforeach()
endfunction()
set(branch "deleted.*operator bool")

if(CASE STREQUAL nothing)  # the kernels as they are
  plant(scalar x25519.hpp "F::select(swap, a, c)" "F::select(swap, a, c)" "")
elseif(CASE STREQUAL branch_in_ladder)
  plant(scalar x25519.hpp "F::select(swap, a, c)" "(swap ? c : a)" "${branch}")
elseif(CASE STREQUAL loop_over_secret)
  plant(scalar x25519.hpp "bits = bits.shl_bits(1)" "while (bits) bits = bits.shl_bits(1)" "${branch}")
elseif(CASE STREQUAL scalar_as_integer)
  plant(scalar x25519.hpp "clamp(scalar)" "if (u64(scalar[0]) & 7) clamp(scalar)" "invalid cast|cannot convert|no matching conversion")
elseif(CASE STREQUAL index_of_table)
  plant(scalar edwards25519_comb.hpp "const auto index = W::template selector<entries>(digit_index<BITS>(v, positive))"
    "const W digit = digit_index<BITS>(v, positive); (void)row.ypx.limb[0][digit]; const auto index = W::template selector<entries>(digit)"
    "operator\\[\\]|array subscript|invalid types")
elseif(CASE STREQUAL shift_by_secret)
  plant(scalar edwards25519_comb.hpp "s.w[word].shr_bits(shift)" "s.w[word].shr_bits(s.w[0])" "deleted.*shr_bits")
elseif(CASE STREQUAL shift_by_secret_distance)
  plant(scalar chacha20.hpp "d1 = (d1 ^ a1).template rotl<N>()" "d1 = (d1 ^ a1) << a1" "deleted.*operator.*<<")
elseif(CASE STREQUAL division)
  plant(scalar poly1305.hpp "g2.template bit<2>()" "(g2 / W::splat(4)).template bit<0>()" "deleted.*operator.*/")
elseif(CASE STREQUAL branch_in_poly1305)
  plant(scalar poly1305.hpp "auto reduce = g2.template bit<2>()" "auto reduce = g2.template bit<2>(); if (reduce) return" "${branch}")
elseif(CASE STREQUAL branch_in_sha256)
  plant(scalar sha256.hpp "t = wrap_add(t, choose(e, f, g))" "t = wrap_add(t, e ? f : g)" "${branch}")
elseif(CASE STREQUAL branch_in_freeze)
  plant(scalar limbs_5x51.hpp "W c = q.template times<19>()" "W c = W::zero(); if (q) c = W::splat(19)" "${branch}")
elseif(CASE STREQUAL comparison_in_inversion)
  plant(scalar safegcd.hpp "value_barrier((b & 1) - 1)" "(b & 1) == U(0) ? U(~u64(0)) : U(0)" "deleted.*operator.*==")
elseif(CASE STREQUAL branch_in_inversion)
  plant(scalar safegcd.hpp "a = b ^ ((a ^ b) & stay)" "if (!stay) a = b" "${branch}")
elseif(CASE STREQUAL comparison_of_doubles)
  plant(vector field_5x51_fma.hpp "const R h = fma(a, b, R::splat(c))" "const R h = a < b ? fma(a, b, R::splat(c)) : fma(b, a, R::splat(c))" "deleted.*operator.*<")
elseif(CASE STREQUAL branch_in_vector_field)
  plant(vector field_5x51_madd.hpp "if (i) out.l[i] = out.l[i] + carry" "if (carry) out.l[i] = out.l[i] + carry" "${branch}")
elseif(CASE STREQUAL branch_in_vector_poly1305)
  plant(vector poly1305_field44.hpp "h0 = h0 + q + q.template shl<2>()" "if (q) h0 = h0 + q + q.template shl<2>()" "${branch}")
else()
  message(FATAL_ERROR "no such case: ${CASE}")
endif()

file(READ ${SOURCE}/kernels/${file} kernel)
string(FIND "${kernel}" "${text}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "kernels/${file} no longer says: ${text}")
endif()
string(REPLACE "${text}" "${replacement}" kernel "${kernel}")
file(WRITE ${WORK}/kernels/${file} "${kernel}")
execute_process(
  COMMAND ${COMPILER} -std=c++20 -fsyntax-only -I${WORK} -I${SOURCE} -I${SOURCE}/engine/include -I${GENERATED}
    -I${SOURCE}/tests/proofs ${SOURCE}/tests/proofs/secret_${tu}_slots.cpp
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(reason STREQUAL "")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "the kernels do not compile over words that keep secrets:\n${output}")
  endif()
elseif(result EQUAL 0)
  message(FATAL_ERROR "the leak compiled: ${text} -> ${replacement}")
else()
  string(FIND "${output}" "error: " at)
  string(SUBSTRING "${output}" ${at} -1 first)
  string(SUBSTRING "${first}" 7 -1 rest)
  string(FIND "${rest}" "error: " end)  # of what the compiler says of the first
  string(SUBSTRING "${rest}" 0 ${end} first)
  if(NOT first MATCHES "${reason}")
    message(FATAL_ERROR "it did not compile, but for another reason: ${first}\n${output}")
  endif()
  message(STATUS "refused: ${first}")
endif()
